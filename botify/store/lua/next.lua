-- One request for the next track, atomically: mark the played track seen, take the first step of
-- the plan that has a track to offer, mark the offered track seen, keep the session alive.
--
-- KEYS  1 the user's session (hash: id, at = ms of the user's latest event, n = tracks answered,
--         sent = when its latest `next` was sent, by the clock of the worker, in ms;
--         seen = packed tracks played or offered in this session, in order)
--       2 versions of the lists served (hash: list name -> version); a list itself is the hash
--         KEYS[2]:name:version, found here so that switching a version is atomic
-- ARGV  1 user, 2 track played, 3 session lifetime in s, 4 tracks in the catalog,
--       5 and 6 random numbers in [0, 1), or "seed" and a seed: then they are a function of the
--         seed, the user, and how many tracks this user was answered so far;
--       7 packed tracks that must not be offered, 8 ms since the epoch by the caller's clock;
--       then steps of four:
--         source   "list": a stored list; "tracks": the packed tracks given; "catalog": all tracks
--         name     the list's name, else ""
--         key      the key in the list, or the packed tracks, else ""
--         pick     "first" unseen, "unseen": uniform over the unseen; "best", "any": the same of
--                  all, seen or not
--       The last step must be "catalog", which always answers.
-- Reply: session id, ms since the epoch, step that answered (from 1), track, place in the list
--        (from 0; -1 = none), number of tracks it was drawn from, version of the first step's list.
--
-- Packed tracks are consecutive little-endian uint32.

local user, played = ARGV[1], tonumber(ARGV[2])
local n_tracks = tonumber(ARGV[4])

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'n', 'seen')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Strictly later than the user's previous event, whichever worker or host handled it.
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end
local id = session[1] or string.format('%s-%.0f', user, at)

local random = { tonumber(ARGV[5]), tonumber(ARGV[6]) }
if ARGV[5] == 'seed' then
  local hash = redis.sha1hex(ARGV[6] .. ':' .. user .. ':' .. (session[3] or '0'))
  random = { tonumber(hash:sub(1, 8), 16) / 2 ^ 32, tonumber(hash:sub(9, 16), 16) / 2 ^ 32 }
end

local unpack_track = struct.unpack

local function set_of(packed)
  local set = {}
  for first = 1, #packed, 4 do set[unpack_track('<I4', packed, first)] = true end
  return set
end

local heard = session[4] or ''
local seen, barred = set_of(heard), set_of(ARGV[7])

local function mark_seen(track)
  if seen[track] then return end
  seen[track] = true
  heard = heard .. struct.pack('<I4', track)
end

local function taken(track, filtered) return barred[track] or filtered and seen[track] end

local function draw(i, count) return math.min(math.floor(random[i] * count), count - 1) end

local function from_packed(packed, pick)
  local count = #packed / 4
  local filtered = pick == 'first' or pick == 'unseen'
  if pick == 'first' or pick == 'best' then
    for place = 0, count - 1 do
      local track = unpack_track('<I4', packed, place * 4 + 1)
      if not taken(track, filtered) then return track, place, 1 end
    end
    return nil
  end
  if count > 0 and not filtered and not next(barred) then
    local place = draw(1, count)
    return unpack_track('<I4', packed, place * 4 + 1), place, count
  end
  local free, places = {}, {}
  for place = 0, count - 1 do
    local track = unpack_track('<I4', packed, place * 4 + 1)
    if not taken(track, filtered) then
      free[#free + 1], places[#places + 1] = track, place
    end
  end
  if #free == 0 then return nil end
  local i = draw(1, #free) + 1
  return free[i], places[i], #free
end

-- Uniform over what is free of the catalog; nil where nothing is.
local function from_catalog(filtered)
  local without = {}
  for track in pairs(barred) do without[#without + 1] = track end
  if filtered then
    for track in pairs(seen) do
      if not barred[track] then without[#without + 1] = track end
    end
  end
  local free = n_tracks - #without
  if free <= 0 then return nil end
  local track = draw(1, n_tracks)
  if taken(track, filtered) then
    -- Rare: number the free tracks in order and draw one of them; as uniform as a redraw.
    table.sort(without)
    track = draw(2, free)
    for _, other in ipairs(without) do
      if other <= track then track = track + 1 end
    end
  end
  return track, -1, free
end

mark_seen(played)
local step, track, place, count, version = 0, nil, nil, nil, ''
for first = 9, #ARGV, 4 do
  local source, name, key, pick = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3]
  step = step + 1
  if source == 'catalog' then
    track, place, count = from_catalog(pick ~= 'any')
    if not track then track, place, count = from_catalog(false) end -- all was seen
    if not track then -- and all is barred: something must be played
      barred = {}
      track, place, count = from_catalog(false)
    end
  elseif source == 'tracks' then
    track, place, count = from_packed(key, pick)
    place = -1 -- tracks given for the occasion have no ranks
  else
    local served = redis.call('HGET', KEYS[2], name) or ''
    if step == 1 then version = served end
    local list = KEYS[2] .. ':' .. name .. ':' .. served
    track, place, count = from_packed(redis.call('HGET', list, key) or '', pick)
  end
  if track then break end
end

mark_seen(track)
redis.call('HSET', KEYS[1], 'id', id, 'at', string.format('%.0f', at),
  'n', (session[3] or 0) + 1, 'sent', ARGV[8], 'seen', heard)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return { id, at, step, track, place, count, version }
