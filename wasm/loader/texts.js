// The texts in the page's language. English is in the agent; of the others, one small file is fetched where it is needed (C7).

// site is what the operator set for this origin.
export const site = parse(CURFEW_SITE); // the only place where this stands, so that the verifier can write the operator's there
const { fetch } = globalThis;
const had = {};
let from = "";

function parse(text) {
  try { return JSON.parse(text); } catch { return {}; }
}

// textsFrom sets where the files are.
export function textsFrom(prefix) { from = prefix; }

// texts promises all texts of the page's language, or null: say it in English.
export async function texts() {
  for (let tag of [document.documentElement.lang, ...navigator.languages, "en"]) {
    for (tag = tag.toLowerCase(); tag; tag = tag.slice(0, Math.max(tag.lastIndexOf("-"), 0))) {
      const file = Object.hasOwn(site.languages ?? {}, tag) && site.languages[tag];
      // What could not be had is asked for again the next time.
      if (file) {
        return had[file] = await (had[file] ??= fetch(from + file, { priority: "low" })
          .then((answer) => answer.ok ? answer.json() : null).catch(() => null));
      }
      if (tag === "en") return null;
    }
  }
  return null;
}
