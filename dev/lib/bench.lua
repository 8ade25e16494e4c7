-- For wrk: POSTs to one path, its requests taken from a file in turn: lines of a token, a blank and a body.
-- wrk -s bench.lua URL -- FILE. Closes with one line of JSON, times in microseconds.

local requests = {}
local at = 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local token, body = line:match("^(%S+) (.*)$")
    local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "refused": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
