-- How many of some owners have a list in the version that is in service.
--
-- KEYS  1 the list
-- ARGV  owners
-- Reply: their number

local count = 0
for _, owner in ipairs(ARGV) do
  count = count + redis.call('HEXISTS', KEYS[1], owner)
end
return count
