-- wrk -s wrk.lua URL -- USERS TRACKS SEED: each request posts a random play of a random user to
-- /next. Prints the results as one line of JSON.

local request_format = 'POST /next/%d HTTP/1.1\r\nHost: %s:%s\r\n'
  .. 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s'
local users, tracks

function init(args)
  users, tracks = tonumber(args[1]), tonumber(args[2])
  math.randomseed(tonumber(args[3]))
end

function request()
  local track, time = math.random(0, tracks - 1), math.random()
  local body = string.format('{"track": %d, "time": %.2f}', track, time)
  local user = math.random(0, users - 1)
  return string.format(request_format, user, wrk.host, wrk.port, #body, body)
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "refused": %d, "failed": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
