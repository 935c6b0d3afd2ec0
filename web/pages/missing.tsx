import { Blank } from '../parts/states.tsx'

export const Missing = () => (
  <Blank title="There is nothing here">
    <p>The address may be mistyped, or what it named is gone, or you may not see it.</p>
    <a class="button" href="/">
      To the workflows
    </a>
  </Blank>
)
