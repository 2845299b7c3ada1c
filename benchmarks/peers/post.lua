-- Sends the bodies of a file, a line each, in turn; ends with the figures as one line of JSON.
-- PEER_BODIES: the file. PEER_HEADER, PEER_VALUE: what says who asks.
local requests, turn = {}, 0

function init ()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers[os.getenv("PEER_HEADER")] = os.getenv("PEER_VALUE")
  for body in io.lines(os.getenv("PEER_BODIES")) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, body)
  end
end

function request ()
  turn = turn % #requests + 1
  return requests[turn]
end

function done (summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
