-- One request for the next track, for a recommender that decides outside Redis: record the play,
-- and return the session, in one round trip. mark_offered.lua then records the track that was
-- chosen; the request does not wait for it.
--
-- KEYS  1 the user's session; as in next.lua, and
--         plays = packed plays of this session, in order: track (uint32), time (float32)
--         open = requests that were given the session and have not recorded their track yet,
--         opened = when the latest of them was, in ms
-- ARGV  user, played: the track played, time: the share of it that was played, session_ttl in s,
--       random_1 and random_2 in [0, 1), or "seed" and a seed, as in next.lua;
--       sent_at: ms since the epoch by the caller's clock
-- Reply: session id, ms since the epoch, packed tracks played or offered, packed plays,
--        number of other open requests, two random numbers.

local user, played, time, session_ttl, random_1, random_2, sent_at = unpack(ARGV)
local OPEN_REQUEST_TTL_MS = 1000 -- an open request older than this is taken to have failed

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'n', 'seen', 'plays', 'open', 'opened')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Strictly later than the user's previous event, whichever worker or host handled it.
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end
local id = session[1] or string.format('%s-%.0f', user, at)

local random = { random_1, random_2 }
if random_1 == 'seed' then
  local hash = redis.sha1hex(random_2 .. ':' .. user .. ':' .. (session[3] or '0'))
  for i = 1, 2 do
    random[i] = string.format('%.17g', tonumber(hash:sub(8 * i - 7, 8 * i), 16) / 2 ^ 32)
  end
end

local track = struct.pack('<I4', tonumber(played))
local seen, known = session[4] or '', false
for first = 1, #seen, 4 do
  if seen:sub(first, first + 3) == track then known = true break end
end
if not known then seen = seen .. track end
local plays = (session[5] or '') .. track .. struct.pack('<f', tonumber(time))
local open = tonumber(session[6] or 0)
if at - tonumber(session[7] or 0) > OPEN_REQUEST_TTL_MS then open = 0 end

redis.call('HSET', KEYS[1], 'id', id, 'at', string.format('%.0f', at),
  'n', (session[3] or 0) + 1, 'sent', sent_at, 'seen', seen, 'plays', plays,
  'open', open + 1, 'opened', string.format('%.0f', at))
redis.call('EXPIRE', KEYS[1], session_ttl)
return { id, at, seen, plays, open, random[1], random[2] }
