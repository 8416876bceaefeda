// The texts in the page's language. English is in the agent; of the others, one small file is fetched where it is needed (C7).

// site is what the operator set for this origin.
const site = CURFEW_SITE[0] === "{" ? JSON.parse(CURFEW_SITE) : {};
const { fetch } = globalThis;
const had = {};
let from = "";

// textsFrom sets where the files are.
export function textsFrom(prefix) { from = prefix; }

// texts promises all texts of the page's language, or null: say it in English.
export function texts() {
  const { languages = {} } = site;
  for (let tag of [document.documentElement.lang, ...navigator.languages]) {
    for (tag = tag.toLowerCase(); tag; tag = tag.slice(0, Math.max(tag.lastIndexOf("-"), 0))) {
      const file = Object.hasOwn(languages, tag) && languages[tag];
      if (file) {
        return had[file] ??= fetch(from + file, { priority: "low" })
          .then((answer) => answer.ok ? answer.json() : Promise.reject())
          .catch(() => { had[file] = null; return null; });
      }
      if (tag === "en") return Promise.resolve(null);
    }
  }
  return Promise.resolve(null);
}
