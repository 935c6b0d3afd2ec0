/**
 * Imported before anything else: schemas are built while their modules load, and one that compiles itself
 * with `new Function` would be refused by the pages' content security policy, with a report for each try.
 */
import { z } from 'zod/mini'

z.config({ jitless: true })
