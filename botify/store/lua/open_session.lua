-- One request for the next track of a session whose plays decide: what is known of it, in one
-- round trip. The track then chosen is told by mark_offered.lua, which nobody waits for.
--
-- KEYS  1 the user's session; as in next.lua, and
--         plays = packed plays of this session, in order: track (uint32), share heard (float32)
--         open, opened = requests that were given this and have not told their track yet, and
--         when the latest was, in ms
-- ARGV  1 user, 2 track played, 3 share of it that was heard, 4 session lifetime in s,
--       5 and 6 random numbers in [0, 1), or "seed" and a seed, as in next.lua;
--       7 ms since the epoch by the caller's clock
-- Reply: session id, ms since the epoch, packed tracks played or offered, packed plays,
--        how many other requests are open, two random numbers.

local WORTH = 1000 -- ms after which an open request is taken to have died

local user = ARGV[1]
local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'n', 'seen', 'plays', 'open', 'opened')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Strictly later than the user's previous event, whichever worker or host handled it.
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end
local id = session[1] or string.format('%s-%.0f', user, at)

local random = { ARGV[5], ARGV[6] }
if ARGV[5] == 'seed' then
  local hash = redis.sha1hex(ARGV[6] .. ':' .. user .. ':' .. (session[3] or '0'))
  for i = 1, 2 do
    random[i] = string.format('%.17g', tonumber(hash:sub(8 * i - 7, 8 * i), 16) / 2 ^ 32)
  end
end

local track = struct.pack('<I4', tonumber(ARGV[2]))
local seen, known = session[4] or '', false
for first = 1, #seen, 4 do
  if seen:sub(first, first + 3) == track then known = true break end
end
if not known then seen = seen .. track end
local plays = (session[5] or '') .. track .. struct.pack('<f', tonumber(ARGV[3]))
local open = tonumber(session[6] or 0)
if at - tonumber(session[7] or 0) > WORTH then open = 0 end

redis.call('HSET', KEYS[1], 'id', id, 'at', string.format('%.0f', at),
  'n', (session[3] or 0) + 1, 'sent', ARGV[7], 'seen', seen, 'plays', plays,
  'open', open + 1, 'opened', string.format('%.0f', at))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return { id, at, seen, plays, open, random[1], random[2] }
