// A browser that stores nothing.
Object.defineProperty(globalThis, "indexedDB", { value: undefined });
