-- Put a list that was built aside into service and drop the one it replaces.
--
-- KEYS  1 the list built aside, 2 where its version belongs, 3 versions of the lists served
-- ARGV  1 list name, 2 version, 3 how many fields the list must have,
--       4 "over" and 5 a version ("" = none): only where that is the one named for the list;
--         or "" and ""
-- Reply: 1 and the version that was served before, or ""; 0 and the version that is served, where
--        it is another than the one to replace: then nothing was done.

-- A flush, an eviction or an expiry while it was built would have left only the rest of it.
if redis.call('HLEN', KEYS[1]) ~= tonumber(ARGV[3]) then
  return redis.error_reply('ERR part of the list was lost while it was loaded; load it again')
end

local old = redis.call('HGET', KEYS[3], ARGV[1]) or ''
if ARGV[4] == 'over' and old ~= ARGV[5] then
  redis.call('UNLINK', KEYS[1])
  return { 0, old }
end
-- Freed aside: RENAME alone would free what it overwrites here and now, while requests wait.
redis.call('UNLINK', KEYS[2])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
if old ~= '' and old ~= ARGV[2] then
  -- No reader can still hold it: every answer is one script, and scripts do not overlap.
  redis.call('UNLINK', KEYS[3] .. ':' .. ARGV[1] .. ':' .. old)
end
return { 1, old }
