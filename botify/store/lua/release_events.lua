-- Forget the claims of events that were not logged.
--
-- KEYS  1 prefix of ids
-- ARGV  the digests of the ids

for _, id in ipairs(ARGV) do
  local known = redis.call('GET', KEYS[1] .. id)
  if known and string.byte(known) == 80 then
    redis.call('UNLINK', KEYS[1] .. id)
  end
end
