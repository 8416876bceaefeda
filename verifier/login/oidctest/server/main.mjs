// Real OpenID providers for tests, told what to do by one JSON object a line on standard input and answering so on standard output.
// The process ends with its input.
import { current } from './clock.mjs';
import readline from 'node:readline';
import { innerListener, operations } from './control.mjs';
import { Instance } from './instance.mjs';

// Standard output belongs to the answers; oidc-provider writes notices to the console.
console.log = console.error;
console.info = console.error;

const instances = new Map();
const inner = await innerListener(instances);

async function start(id, options) {
  const instance = new Instance(options, (text) => console.error(`provider ${id}: ${text}`));
  instance.id = id;
  instances.set(id, instance);
  try {
    await current.run(instance, () => instance.open());
  } catch (err) {
    await end(instance);
    throw err;
  }
  return { issuer: instance.issuer };
}

async function end(instance) {
  instances.delete(instance.id);
  instance.faults.releaseAll();
  await instance.close();
}

async function run({ provider, op, args }) {
  if (op === 'start') return start(provider, args);
  const instance = instances.get(provider);
  if (!instance) throw new Error(`there is no provider ${provider}`);
  if (op === 'end') return end(instance);
  if (!Object.hasOwn(operations, op)) throw new Error(`there is no operation ${op}`);
  return current.run(instance, () => operations[op](instance, { ...args, inner }));
}

const answer = (id, result) => process.stdout.write(`${JSON.stringify({ id, ...result })}\n`);

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    run(command).then((value) => answer(command.id, { value: value ?? null }), (err) => {
      console.error(err.stack);
      answer(command.id, { error: [err.message, err.error_description].filter(Boolean).join(': ') });
    });
  })
  .on('close', () => process.exit(0));
