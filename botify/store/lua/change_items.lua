-- Changes of items, each with its time: of two values of a field, the later one stands, in
-- whatever order they come. So records of several services can be read again at any time.
--
-- KEYS  1 offers, 2 prefix of the changes of items (see keys.py)
-- ARGV  for each change: its time in ms, the item, the number of its fields, or -1 to delete it,
--       and name and JSON of each field

local function later(value, at)
  local known = value and tonumber(string.match(value, '^%d+'))
  return known and known > at
end

local function flag(key, field, when_true, when_false)
  local value = redis.call('HGET', key, field)
  local json = value and string.match(value, ':(.*)$')
  return json == 'true' and when_true or json == 'false' and when_false or '-'
end

local i = 1
while i <= #ARGV do
  local at, item, n_fields = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2])
  local stamp, key = ARGV[i] .. ':', KEYS[2] .. item
  i = i + 3
  local deleted = redis.call('HGET', key, '')
  if n_fields < 0 then
    if not later(deleted, at) then
      local fields = redis.call('HGETALL', key)
      for j = 1, #fields, 2 do
        if not later(fields[j + 1], at) then
          redis.call('HDEL', key, fields[j])
        end
      end
      redis.call('HSET', key, '', stamp)
    end
  else
    for _ = 1, n_fields do
      local name = ARGV[i]
      if not later(deleted, at) and not later(redis.call('HGET', key, name), at) then
        redis.call('HSET', key, name, stamp .. ARGV[i + 1])
      end
      i = i + 2
    end
  end
  local flags = 'xx'
  if redis.call('HLEN', key) > 1 or redis.call('HEXISTS', key, '') == 0 then
    flags = flag(key, 'hidden', 'h', 's') .. flag(key, 'available', 'a', 'u')
  end
  redis.call('HSET', KEYS[1], item, flags)
end
