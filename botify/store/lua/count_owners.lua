-- How many of some owners have a list in a version that is in service.
--
-- KEYS  1 the list
-- ARGV  owners
-- Reply: how many

local kept = 0
for _, owner in ipairs(ARGV) do
  kept = kept + redis.call('HEXISTS', KEYS[1], owner)
end
return kept
