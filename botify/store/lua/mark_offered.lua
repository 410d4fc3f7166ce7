-- The track that was offered after open_session.lua, so that the session is not offered it again.
--
-- KEYS  1 the user's session; as in open_session.lua
-- ARGV  1 the session's id: of another one, nothing is known here; 2 track

local session = redis.call('HMGET', KEYS[1], 'id', 'seen', 'open')
if session[1] ~= ARGV[1] then return end
local track = struct.pack('<I4', tonumber(ARGV[2]))
local seen = session[2] or ''
for first = 1, #seen, 4 do
  if seen:sub(first, first + 3) == track then track = '' break end
end
redis.call('HSET', KEYS[1], 'seen', seen .. track,
  'open', math.max(0, tonumber(session[3] or 0) - 1))
