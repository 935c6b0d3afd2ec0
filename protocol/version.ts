/** The one version number: package.json says it too, and a test holds both together. */
export const version = '0.1.0'
