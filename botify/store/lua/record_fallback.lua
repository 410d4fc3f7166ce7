-- Answers that a session got from the fallback while Redis was unavailable: mark their tracks as
-- seen, and record the plays.
--
-- KEYS  1 the user's session; as in next.lua and open_session.lua, and
--         ended = when its latest `last` was sent, by the worker's clock, in ms
-- ARGV  user, session_ttl in s,
--       answers: packed, in the order of their times, little-endian: ms since the epoch by the
--         caller's clock (float64), track played, track offered (uint32), `time` of the track
--         played (float32); a negative `time` means: do not add the play to `plays`.
--         Answers of a session that has ended since are skipped.

local user, session_ttl, answers = unpack(ARGV)

local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'sent', 'seen', 'plays', 'ended')
local ended = tonumber(session[6] or 0)
local seen_packed, plays = session[4] or '', session[5] or ''
local seen = {}
for first = 1, #seen_packed, 4 do seen[seen_packed:sub(first, first + 3)] = true end

local earliest, latest
for first = 1, #answers, 20 do
  local at, played, offered, share = struct.unpack('<dI4I4f', answers, first)
  if at > ended then
    for _, number in ipairs({ played, offered }) do
      local track = struct.pack('<I4', number)
      if not seen[track] then
        seen[track] = true
        seen_packed = seen_packed .. track
      end
    end
    if share >= 0 then plays = plays .. struct.pack('<I4f', played, share) end
    earliest, latest = earliest or at, at
  end
end
if not latest then return end

local function ms(number) return string.format('%.0f', number) end

-- Later events of the user get later times than these, whatever the clocks say.
redis.call('HSET', KEYS[1], 'id', session[1] or user .. '-' .. ms(earliest),
  'at', ms(math.max(latest, tonumber(session[2] or 0))),
  'sent', ms(math.max(latest, tonumber(session[3] or 0))), 'seen', seen_packed)
if plays ~= '' then redis.call('HSET', KEYS[1], 'plays', plays) end
redis.call('EXPIRE', KEYS[1], session_ttl)
