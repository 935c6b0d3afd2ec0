/** A name that gives way in its middle: beginnings are often alike, and ends tell names apart. */
const kept = 7

export const Shortened = ({ text }: { readonly text: string }) => {
  const at = text.length > kept * 2 ? text.length - kept : text.length
  return (
    <span class="shortened">
      <span>{text.slice(0, at)}</span>
      {at < text.length && <span>{text.slice(at)}</span>}
    </span>
  )
}
