-- The last play of a session: forget what was seen, and keep when it was and how many tracks the
-- user was answered so far.
--
-- KEYS  1 the user's session; as in next.lua
-- ARGV  1 user, 2 seconds to keep it,
--       3 ms since the epoch by the caller's clock, when it was sent or should have been,
--       4 "", or "late" where it comes late: a session with a `next` that was sent after that is
--         another one, and stays. (Not one that ran after that: a Redis that hung runs what it
--         was sent before, once it goes on.)
-- Reply: session id, ms since the epoch.

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'sent', 'ended')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local sent = tonumber(ARGV[3])
if ARGV[4] ~= '' and tonumber(session[3] or 0) > sent then return { '', at } end
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end

redis.call('HDEL', KEYS[1], 'id', 'sent', 'seen', 'plays', 'open', 'opened')
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', at),
  'ended', string.format('%.0f', math.max(sent, tonumber(session[4] or 0)))) -- for record_fallback.lua
redis.call('EXPIRE', KEYS[1], ARGV[2])
return { session[1] or string.format('%s-%.0f', ARGV[1], at), at }
