// A browser without WebCrypto, as on a page that is not served over https.
Object.defineProperty(Crypto.prototype, "subtle", { value: undefined });
