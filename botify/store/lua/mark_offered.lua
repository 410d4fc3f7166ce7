-- The track that was offered after open_session.lua, so that the session is not offered it again.
--
-- KEYS  1 the user's session; as in open_session.lua
-- ARGV  session_id: if the session has another id by now, nothing is done; offered: the track

local session_id, offered = unpack(ARGV)

local session = redis.call('HMGET', KEYS[1], 'id', 'seen', 'open')
if session[1] ~= session_id then return end
local track = struct.pack('<I4', tonumber(offered))
local seen = session[2] or ''
for first = 1, #seen, 4 do
  if seen:sub(first, first + 3) == track then track = '' break end
end
redis.call('HSET', KEYS[1], 'seen', seen .. track,
  'open', math.max(0, tonumber(session[3] or 0) - 1))
