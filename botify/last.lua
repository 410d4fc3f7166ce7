-- The last play of a session: forget what was seen, and keep when it was and how many tracks the
-- user was answered so far.
--
-- KEYS  1 seen tracks of the user's session, 2 the user's session; as in next.lua
-- ARGV  1 user, 2 seconds to keep those
-- Reply: session id, ms since the epoch.

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[2], 'id', 'at')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end

redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], 'id')
redis.call('HSET', KEYS[2], 'at', string.format('%.0f', at))
redis.call('EXPIRE', KEYS[2], ARGV[2])
return { session[1] or string.format('%s-%.0f', ARGV[1], at), at }
