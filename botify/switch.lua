-- Put a list that was built aside into service and drop the one it replaces.
--
-- KEYS  1 the list built aside, 2 where its version belongs, 3 versions of the lists served
-- ARGV  1 list name, 2 version

local old = redis.call('HGET', KEYS[3], ARGV[1])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
if old and old ~= ARGV[2] then
  -- No reader can still hold it: every answer is one script, and scripts do not overlap.
  redis.call('UNLINK', KEYS[3] .. ':' .. ARGV[1] .. ':' .. old)
end
