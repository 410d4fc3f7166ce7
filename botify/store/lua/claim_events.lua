-- Which of these events were taken before, by the ids that clients gave them. All ids are claimed,
-- or, if one of them is that of another event, none.
--
-- KEYS  1 prefix of ids
-- ARGV  1 seconds until an id is forgotten; then for each event the digest of its id and of itself
-- Reply: the place, from 1, of the first event whose id another event has, or 0; then for each
--        event 1 if it was taken before, else 0

local reply = { 0 }
for i = 2, #ARGV, 2 do
  local known = redis.call('GET', KEYS[1] .. ARGV[i])
  if known and string.sub(known, 2) ~= ARGV[i + 1] then
    return { i / 2 }
  end
  reply[#reply + 1] = known and string.byte(known) == 68 and 1 or 0
end
for i = 2, #ARGV, 2 do
  -- An id whose event was not logged to the end, because a worker died, is claimed again.
  redis.call('SET', KEYS[1] .. ARGV[i], 'P' .. ARGV[i + 1], 'EX', ARGV[1], 'NX')
end
return reply
