-- Put a list that was built under a temporary key into service and drop the one it replaces.
--
-- KEYS  1 the temporary key, 2 the key of its version, 3 versions of the lists served
-- ARGV  name of the list, version, size: how many fields the list must have,
--       condition: "replacing", to switch only if `expected` ("" = none) is the version recorded
--         for the list; or ""
-- Reply: 1 and the version that was served before, or ""; 0 and the version that is served, if
--        the condition does not hold: then nothing was changed.

local name, version, size, condition, expected = unpack(ARGV)

-- A flush, an eviction or an expiry during the load would have left only a part of it.
if redis.call('HLEN', KEYS[1]) ~= tonumber(size) then
  return redis.error_reply('ERR part of the list was lost while it was loaded; load it again')
end

local old = redis.call('HGET', KEYS[3], name) or ''
if condition == 'replacing' and old ~= expected then
  redis.call('UNLINK', KEYS[1])
  return { 0, old }
end
-- UNLINK frees in the background; RENAME would free what it overwrites while requests wait.
redis.call('UNLINK', KEYS[2])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[3], name, version)
if old ~= '' and old ~= version then
  -- Nothing reads it any more: every answer is one script, and scripts do not overlap.
  redis.call('UNLINK', KEYS[3] .. ':' .. name .. ':' .. old)
end
return { 1, old }
