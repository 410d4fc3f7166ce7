-- The last play of a session: forget the tracks that were seen; keep the time of the event and
-- the user's number of answers.
--
-- KEYS  1 the user's session; as in next.lua
-- ARGV  user, session_ttl: seconds to keep it,
--       sent_at: ms since the epoch by the caller's clock, when this was or should have been sent,
--       late: "", or "late" where this was sent too late. A session with a `next` that was sent
--         after `sent_at` is then a new session, and stays. (The time of sending decides, not the
--         time of execution: after a pause, Redis executes what it was sent before the pause.)
-- Reply: session id, ms since the epoch.

local user, session_ttl, sent_at, late = unpack(ARGV)

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'sent', 'ended')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local sent = tonumber(sent_at)
if late ~= '' and tonumber(session[3] or 0) > sent then return { '', at } end
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end

redis.call('HDEL', KEYS[1], 'id', 'sent', 'seen', 'plays', 'open', 'opened')
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', at),
  -- record_fallback.lua reads it.
  'ended', string.format('%.0f', math.max(sent, tonumber(session[4] or 0))))
redis.call('EXPIRE', KEYS[1], session_ttl)
return { session[1] or string.format('%s-%.0f', user, at), at }
