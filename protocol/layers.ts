/** Permission layers of accounts and workflows as people change them: their texts, their versions, and previews. */
import { z } from 'zod/mini'
import { accountName, personName, requestId, workflowName } from './ids.ts'
import { permissionActions } from './permissions.ts'

/** Of a layer that a request brings, characters: with every one escaped it still fits an `ask`. */
export const layerMaxLength = 7 * 1024

/** A layer as it is written: a map from classes and actions to lists of principals, YAML. */
export const layerText = z.string().check(
  z.maxLength(layerMaxLength, {
    error: () => `longer than ${layerMaxLength} characters; name groups instead of persons`,
  }),
  // Nothing that is not seen, nor turns the direction of writing: what is read is what is in force.
  z.regex(/^[\t\n\r\P{C}]*$/u, { error: () => 'holds control characters' }),
)

const count = z.number().check(z.int(), z.gte(0))

/**
 * One version of one layer. Key: `ACCOUNT/WORKFLOW@VERSION`, of an account's own layer `ACCOUNT/@VERSION`. Site feed.
 * The highest version is in force.
 */
export const layerRow = z.readonly(
  z.strictObject({
    account: accountName,
    workflow: z.nullable(workflowName),
    version: count,
    at: z.number(),
    /** Where it came from: `account.yaml` or `workflow.yaml`, or a request. */
    origin: z.enum(['file', 'request']),
    /** Who asked for it; null where the file was there first or changed by itself. */
    person: z.nullable(personName),
    request: z.nullable(requestId),
    /** The version that it brought back. */
    from: z.nullable(count),
    /** null: no layer at all. */
    text: z.nullable(z.string()),
  }),
)
export type LayerRow = z.infer<typeof layerRow>

export const layerKey = ({
  account,
  workflow,
  version,
}: Pick<LayerRow, 'account' | 'workflow' | 'version'>): string => `${account}/${workflow ?? ''}@${version}`

const versionBody = z.omit(layerRow.def.innerType, { account: true, workflow: true })

/** `GET /api/accounts/:account/permissions?workflow=`: for owners, administrators and auditors. */
export const layerBody = z.strictObject({
  account: accountName,
  workflow: z.nullable(workflowName),
  /** In force; 0 = there never was a layer. What replaces it names this number. */
  version: count,
  text: z.nullable(z.string()),
  /** The file says otherwise, since that version: it counts again once it changes. */
  file: z.nullable(count),
  /** The latest first. */
  versions: z.readonly(z.array(versionBody)),
  /** Whether the one who asks may ever change it. */
  mayChange: z.boolean(),
})
export type LayerBody = z.infer<typeof layerBody>

/** `POST /api/accounts/:account/permissions/preview`: exactly one of `text` and `restore`. */
export const layerPreviewAsk = z.strictObject({
  workflow: z.optional(workflowName),
  text: z.optional(layerText),
  restore: z.optional(count),
})

/** Whose rights change: whoever a rule can name, or somebody who is known to the hub. */
const changed = z.strictObject({
  /** As a rule would say it: `everyone`, `owner`, `group:unix/x`, `user:jacintar`. */
  who: z.string(),
  /** null: every workflow of the account that has no rules of its own about it, and the account itself. */
  workflow: z.nullable(workflowName),
  gains: z.readonly(z.array(z.enum(permissionActions))),
  loses: z.readonly(z.array(z.enum(permissionActions))),
})
export type LayerChange = z.infer<typeof changed>

/** What would be otherwise. Nothing is changed by asking. */
export const layerPreview = z.strictObject({
  /** Of the version in force that it was compared with. */
  base: count,
  text: z.string(),
  changes: z.readonly(z.array(changed)),
  /** At most so many more there may be than are told. */
  more: count,
})
export type LayerPreview = z.infer<typeof layerPreview>
