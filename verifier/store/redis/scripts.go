package redis

import "github.com/curfew-project/curfew/verifier/store/redisconn"

// Every script touches one partition, gets all its keys as KEYS, and reads no clock. A record's first 16 bytes are its stamp and the
// lowest bit of the 17th says that it has ended (record.go). Those that only change or end what is there may do so when
// Redis is full (allow-oom): an ending must not fail for want of memory.

// beat writes a heartbeat's activity. KEYS: record. ARGV: the stamp it was judged by, the new head. It gives 1, or 0 where there is
// no session, or the record as it is where it is another or has ended.
var beat = redisconn.NewScript(`#!lua flags=allow-oom
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
if #head < 17 then return 0 end
if string.byte(head, 17) % 2 == 1 or string.sub(head, 1, 16) ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
return 1`)

// change writes and publishes any other change. KEYS: record, user, due, ended, channel, then the provider's old and new key, the record's own
// where there is none. ARGV: stamp, record, id, first deadline, end or 0, beginning, message. It gives what beat gives.
var change = redisconn.NewScript(`#!lua flags=allow-oom
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
if #head < 17 then return 0 end
if string.byte(head, 17) % 2 == 1 or string.sub(head, 1, 16) ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[5] == '0' then
  redis.call('ZADD', KEYS[3], 'LT', ARGV[4], ARGV[3])
else
  redis.call('ZREM', KEYS[3], ARGV[3])
  redis.call('ZADD', KEYS[4], ARGV[5], ARGV[3])
  redis.call('ZADD', KEYS[2], 'GT', ARGV[5], 'e')
end
if KEYS[6] ~= KEYS[7] then
  if KEYS[6] ~= KEYS[1] then redis.call('ZREM', KEYS[6], ARGV[3]) end
  if KEYS[7] ~= KEYS[1] then redis.call('ZADD', KEYS[7], ARGV[6], ARGV[3]) end
end
redis.call('SPUBLISH', KEYS[5], ARGV[7])
return 1`)

// create adds a session. KEYS: record, user, due, secrets, and the provider's key if it has one. ARGV: record, id, beginning, first
// deadline, secrets. It gives 0 where there is one.
var create = redisconn.NewScript(`#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
if ARGV[5] ~= '' then redis.call('SET', KEYS[4], ARGV[5]) end
if #KEYS == 5 then redis.call('ZADD', KEYS[5], ARGV[3], ARGV[2]) end
return 1`)

// seal replaces secrets. KEYS: record, secrets. ARGV: secrets. It gives 1, 0 where there is no session, or the record of an ended one.
var seal = redisconn.NewScript(`#!lua flags=allow-oom
local flags = redis.call('GETRANGE', KEYS[1], 16, 16)
if #flags < 1 then return 0 end
if string.byte(flags, 1) % 2 == 1 then return redis.call('GET', KEYS[1]) end
if ARGV[1] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[1]) end
return 1`)

// again writes the beginning of a record as it is, so that the connection can wait until a replica has it. KEYS: record. ARGV: stamp. It gives
// 0 where there is another.
var again = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 0, ARGV[1])
return 1`)

// get reads a record. A master that min-replicas-to-write forbids to write refuses it like every script that does not promise not to: it may
// be one that a replica has replaced. KEYS: record.
var get = redisconn.NewScript(`#!lua flags=allow-oom
return redis.call('GET', KEYS[1])`)

// confirm notes that everybody has heard of an end. KEYS: record. ARGV: stamp, flags.
var confirm = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 16, ARGV[2])
return 1`)

// postpone moves a session to its deadline among those that are due, unless it has changed since that was worked out. KEYS: record,
// due. ARGV: stamp, id, deadline.
var postpone = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], 'XX', ARGV[3], ARGV[2])
return 1`)

// tidy drops an ID from an index that has no record: there is none unless somebody removed keys by hand. KEYS: record, index. ARGV: id.
var tidy = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('ZREM', KEYS[2], ARGV[1])`)

// forget drops an ended session once. KEYS: record, secrets, user, ended, and the provider's key if it has one. ARGV: id.
var forget = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('ZREM', KEYS[4], ARGV[1]) == 0 then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if #KEYS == 5 then redis.call('ZREM', KEYS[5], ARGV[1]) end
return 1`)

// mark remembers a key. KEYS: mark, marks. ARGV: key, at, until, now. It gives 1 to the first, or since when it is marked as text.
var mark = redisconn.NewScript(`#!lua
local was = redis.call('GET', KEYS[1])
if was then
  local at, till = string.match(was, '^(%S+) (%S+)$')
  if tonumber(till) > tonumber(ARGV[4]) then return at end
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1`)

// unmark drops an expired mark. KEYS: mark, marks. ARGV: key, now.
var unmark = redisconn.NewScript(`#!lua flags=allow-oom
local was = redis.call('GET', KEYS[1])
if was and tonumber(string.match(was, ' (%S+)$')) > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return redis.call('ZREM', KEYS[2], ARGV[1])`)

// renew says that a verifier goes on answering from memory. KEYS: register. ARGV: who, the last entry or nothing, the next entry, the lease.
// It gives 0 where that is not the last entry: what Redis has is not what it had. Else it gives the master's replication ID.
var renew = redisconn.NewScript(`#!lua flags=allow-oom
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[2] == '' and tonumber(redis.call('HGET', KEYS[1], 'longest') or '0') < tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'longest', ARGV[4])
end
return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')`)

// registered reads the register and by which master, in one step. KEYS: register. It gives the master's replication ID, since which offset
// it is one where it was a replica before, or -1, and the register.
var registered = redisconn.NewScript(`#!lua flags=allow-oom
local info = redis.call('INFO', 'replication')
return {string.match(info, 'master_replid:(%x+)'), string.match(info, 'second_repl_offset:(%-?%d+)') or '-1', redis.call('HGETALL', KEYS[1])}`)

// strike removes a verifier that has not renewed. KEYS: register. ARGV: who, its last entry.
var strike = redisconn.NewScript(`#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])`)
