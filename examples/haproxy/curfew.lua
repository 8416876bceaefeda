-- Asks Curfew's verifier about a request before HAProxy passes it on. It needs HAProxy 2.6 or later. The verifier's address is yours to set.
local verifier = "http://127.0.0.1:8480/.curfew/check/haproxy"

-- What the verifier is told of a request: what it judges by, and how it is best answered.
local told = { "host", "cookie", "accept", "accept-language", "sec-fetch-mode", "referer" }

-- What the application is told of who the user is. haproxy.cfg has taken away what a client sent under such names.
local identity = { "curfew-user", "curfew-name", "curfew-session", "curfew-session-ends" }

local function unavailable(txn)
	local reply = txn:reply({ status = 503 })
	reply:add_header("Content-Type", "text/plain")
	reply:add_header("Cache-Control", "no-store")
	reply:add_header("Retry-After", "10")
	reply:set_body("This page cannot be shown right now. Try again in a moment.\n")
	txn:done(reply)
end

core.register_action("curfew", { "http-req" }, function(txn)
	local sent = txn.http:req_get_headers()
	local headers = {
		["x-original-method"] = { txn.f:method() },
		["x-original-uri"] = { txn.f:pathq() },
	}
	for _, name in ipairs(told) do
		local values = {}
		for i = 0, 31 do -- HTTP/2 may send a cookie in pieces (RFC 9113 section 8.2.3)
			if not (sent[name] and sent[name][i]) then break end
			values[#values + 1] = sent[name][i]
		end
		if #values > 0 then
			headers[name] = { table.concat(values, name == "cookie" and "; " or ", ") }
		end
	end

	local ok, answer = pcall(function() return core.httpclient():get({ url = verifier, headers = headers }) end)
	local from = ok and answer and answer.headers or {}
	if not (from["cache-control"] and from["cache-control"][0] == "no-store") then
		return unavailable(txn) -- nobody answered, or somebody else
	end
	if answer.status == 204 then
		for _, name in ipairs(identity) do
			if not (from[name] and from[name][0]) then return unavailable(txn) end
			txn.http:req_set_header(name, from[name][0])
		end
		if from["curfew-assertion"] then -- where the environment has assertion: true
			txn.http:req_set_header("curfew-assertion", from["curfew-assertion"][0])
		end
		return
	end
	local reply = txn:reply({ status = answer.status })
	for name, values in pairs(from) do
		if name ~= "content-length" and name ~= "connection" and name ~= "transfer-encoding" then
			for i = 0, #values do reply:add_header(name, values[i]) end
		end
	end
	reply:set_body(answer.body or "")
	txn:done(reply)
end)
