/** A script's token at the account's own server, which answers about all of the account: the scope holds there too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workflowsBody } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { put, startUiServer, taskRow, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

test('an assertion with a scope sees its workflows and reads what it names, over HTTP and on the stream', async (t) => {
  const road = await startUiServer(t)
  road.feed.append({
    journal: 1,
    at: 1,
    put: [
      put('workflow', 'clouds', workflowRow('clouds')),
      put('workflow', 'winds', workflowRow('winds')),
      put('task', 'winds//gust', taskRow('winds', 'gust')),
    ],
    drop: [],
  })
  await road.feed.flush()
  const whole = await road.listen('')
  await until(() => whole.rows.size === 2)
  whole.socket.terminate()

  const token = await road.assertion('jacintar', { scope: { reads: ['view'], workflows: ['clouds'] } })
  const { workflows } = workflowsBody.parse((await road.request('/workflows', { token })).body)
  assert.deepEqual(
    workflows.map(({ workflow, allowed }) => [workflow.workflow, allowed.view, allowed.logs, allowed.hold]),
    [['clouds', true, false, false]],
  )
  assert.equal(codeOf(await road.request('/workflows/winds', { token })), 'workflow.unknown')
  assert.equal(codeOf(await road.request('/workflows/clouds/source', { token })), 'permission.denied')
  const heard = await road.listen('', token)
  await until(() => heard.rows.size > 0)
  assert.deepEqual(
    [...heard.rows.keys()].filter((key) => key.includes('winds')),
    [],
  )
  heard.socket.terminate()

  const nothing = await road.assertion('jacintar', { scope: { reads: ['view'], workflows: [] } })
  assert.deepEqual(
    workflowsBody.parse((await road.request('/workflows', { token: nothing })).body).workflows,
    [],
  )
})
