// As soon as the agent is there, what its runtime needs at every step is broken.
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...all) => {
  const instance = await instantiate(...all);
  Performance.prototype.now = () => { throw new Error("broken by the storybook"); };
  return instance;
};
