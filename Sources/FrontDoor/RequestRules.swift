import EventStream
import Identity
import NIOHTTP1
import ProducerInterface
import StreamRuntime
import SystemCalls

/// Decides what a request gets. No I/O, and no state of its own.
struct RequestRules {
    let opener: any StreamOpener
    /// The server's own pages; a producer's route takes precedence.
    var pages = PageTable()
    var access: AccessRules
    /// All routes and pages are below this path; empty: below none.
    var basePath = ""
    /// Seconds since 1970, for tokens.
    var now: @Sendable () -> Double = wallClockSeconds

    enum Verdict {
        case respond(Response)
        /// The client has the end of the stream: 204, so that it does not reconnect.
        case finished(RouteMatch)
        /// HEAD: the head of a stream, without a stream.
        case streamHead
        /// One of the server's own pages, whose answer is yet to be made.
        case make(Page.Making)
        case open(RouteMatch, StreamRequest)
        /// Not now, for this reason.
        case turnAway(TurnedAway)
        /// Not to this client, for this reason.
        case refuse(AccessObjection)
    }

    /// Whether a producer will read the request's body.
    func takesBody(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .POST, let target = try? RequestTarget(head.uri), let path = path(of: target),
            let match = opener.route(for: path), !match.isLeaving
        else { return false }
        return match.producer.description.acceptsBody
    }

    /// The headers by which a browser knows whether a page of another origin may read the response.
    func crossOriginHeaders(_ head: HTTPRequestHead, _ arrival: Arrival) -> CrossOriginHeaders {
        let policy = access.policy(for: arrival, to: producer(of: head))
        return policy.isEmpty
            ? CrossOriginHeaders() : CrossOriginHeaders(policy.headers(for: AccessRules.origin(of: head)))
    }

    /// Why a request is refused whatever its body is; `nil` if it is not.
    func objection(to head: HTTPRequestHead, _ arrival: Arrival) -> AccessObjection? {
        if let objection = access.objection(to: head, arrival, access.policy(for: arrival, to: producer(of: head))) {
            return objection
        }
        guard let target = try? RequestTarget(head.uri), let producer = producer(of: head) else { return nil }
        do throws(TokenObjection) {
            _ = try access.tokenRules(for: producer).token(of: head, target, at: now())
            return nil
        } catch {
            return .token(error)
        }
    }

    private func producer(of head: HTTPRequestHead) -> ProducerDescription? {
        guard let target = try? RequestTarget(head.uri), let path = path(of: target) else { return nil }
        return opener.route(for: path)?.producer.description
    }

    /// - Parameters:
    ///   - arrival: how the request came in.
    ///   - body: empty unless the route takes one.
    func verdict(
        on head: HTTPRequestHead, _ arrival: Arrival, body: @autoclosure () -> [UInt8] = []
    ) -> Verdict {
        // The target of CONNECT has a form that no other method has.
        if head.method == .CONNECT { return .respond(Problem(501, "This server is not a proxy.").response) }
        let target: RequestTarget
        do throws(TargetFault) {
            target = try RequestTarget(head.uri)
        } catch {
            return .respond(Problem(400, error.description).response)
        }
        let path = path(of: target)
        let route = path.flatMap { opener.route(for: $0) }
        let policy = { access.policy(for: arrival, to: route?.producer.description) }
        if let objection = access.objection(to: head, arrival, policy()) { return .refuse(objection) }
        if target.path == "*" {
            return .respond(
                head.method == .OPTIONS
                    ? Self.options("GET, HEAD, POST, OPTIONS")
                    : Problem(400, "The request target “*” is for OPTIONS only.").response)
        }
        if head.method == .OPTIONS, head.headers.contains(name: "access-control-request-method"),
            let origin = AccessRules.origin(of: head), AccessRules.isCrossOrigin(head, arrival)
        {
            return preflight(head, of: origin, policy(), for: route)
        }
        guard let match = route else {
            switch path.flatMap({ pages.answer(to: head.method, path: $0) }) {
            case .response(let response): return .respond(response)
            case .later(let making): return .make(making)
            case nil: return .respond(notFound(target))
            }
        }

        let lastEventID = lastEventID(head, target)
        // The producer that replaces it may have other parameters and other methods.
        if match.isLeaving, head.method != .OPTIONS {
            return EventID.isFinished(lastEventID) ? .finished(match) : .turnAway(.leaving)
        }
        let acceptsBody = match.producer.description.acceptsBody
        let allowed = Self.methods(match) + ", OPTIONS"
        switch head.method {
        case .OPTIONS: return .respond(Self.options(allowed))
        case .GET, .HEAD: break
        case .POST where acceptsBody: break
        default:
            var problem = Problem(405, "This route does not accept \(head.method.rawValue).")
            problem.headers = [.init("Allow", allowed)]
            return .respond(problem.response)
        }
        // Clients of language models send a POST that asks for JSON, and read the stream.
        guard head.method == .POST || AcceptHeader(head.headers["accept"]).allowsEventStream else {
            return .respond(
                Problem(406, "This route answers with text/event-stream, which the Accept header excludes.").response)
        }
        return answer(match, head, target, path ?? "", arrival, lastEventID, body)
    }

    /// For a request that its route takes.
    private func answer(
        _ match: RouteMatch, _ head: HTTPRequestHead, _ target: RequestTarget, _ path: String, _ arrival: Arrival,
        _ lastEventID: String?, _ body: () -> [UInt8]
    ) -> Verdict {
        let rules = access.tokenRules(for: match.producer.description)
        let query = access.withoutTokens(target.query)
        let token: CheckedToken?
        let parameters: any ResolvedParameters
        do {
            token = try rules.token(of: head, target, at: now())
            parameters = try match.producer.resolve(path: match.values, query: query)
            try rules.checkClaims(of: token) { name in
                // As the producer gets it, which may be written otherwise in the path.
                parameters.text(of: name) ?? match.values.first { $0.name == name }?.value
            }
        } catch let fault as ParameterFault {
            return .respond(Problem(fault).response)
        } catch let objection as TokenObjection {
            return .refuse(.token(objection))
        } catch {
            preconditionFailure("nothing else is thrown here")
        }
        if EventID.isFinished(lastEventID) { return .finished(match) }
        if head.method == .HEAD { return .streamHead }
        var request = StreamRequest(
            method: head.method.rawValue, path: path, query: query,
            headers: head.headers.map { StreamRequest.Field($0.name, $0.value) },
            remoteAddress: arrival.client.description,
            lastEventID: lastEventID, body: head.method == .POST ? body() : [], parameters: parameters)
        request.identity = token?.identity
        request.lifetime = token?.lifetime
        return .open(match, request)
    }

    /// The answer to a browser that asks whether a page may send a request (Fetch §3.3.2). It is the same if there is
    /// no such route: then the page can read the answer to the request itself, which says so.
    private func preflight(
        _ head: HTTPRequestHead, of origin: String, _ policy: CrossOriginPolicy, for match: RouteMatch?
    ) -> Verdict {
        guard policy.allows(origin) else { return .refuse(.origin(origin)) }
        let requested = head.headers["access-control-request-headers"]
        let headers = policy.preflightHeaders(
            methods: Self.methods(match), requested: requested.isEmpty ? nil : requested.joined(separator: ", "))
        return .respond(Response(status: 204, headers: headers))
    }

    /// The methods that a route takes; without a route, those that any can take.
    private static func methods(_ match: RouteMatch?) -> String {
        match?.producer.description.acceptsBody == false ? "GET, HEAD" : "GET, HEAD, POST"
    }

    /// An empty one means that there is none, as in the event stream.
    private func lastEventID(_ head: HTTPRequestHead, _ target: RequestTarget) -> String? {
        let values =
            head.headers["last-event-id"].map(Optional.some)
            + [target.queryValue("last_event_id"), target.queryValue("lastEventId")]
        return values.lazy.compactMap(\.self).first { !$0.isEmpty }
    }

    /// The path below the base path; `nil` for one that is not below it.
    private func path(of target: RequestTarget) -> String? {
        if basePath.isEmpty { return target.path }
        guard let rest = target.path.utf8.starts(with: basePath.utf8) ? target.path.dropFirst(basePath.count) : nil
        else { return nil }
        return rest.isEmpty ? "/" : rest.first == "/" ? String(rest) : nil
    }

    private func notFound(_ target: RequestTarget) -> Response {
        if let suggestion = suggestion(for: target) {
            var problem = Problem(404, "No producer has a route for \(target.path). Did you mean \(suggestion)?")
            problem.members = [("suggestion", suggestion)]
            return problem.response
        }
        let hint = target.path == "/" ? " The server printed its routes when it started." : ""
        return Problem(404, "No producer has a route for \(target.path).\(hint)").response
    }

    /// A path that has a route, and differs only in a slash or in the base path.
    private func suggestion(for target: RequestTarget) -> String? {
        let path = path(of: target) ?? target.path
        let plain = "/" + path.split(separator: "/").joined(separator: "/")
        return [path, plain, plain + "/"].lazy.filter { opener.route(for: $0) != nil }.map { basePath + $0 }
            .first { $0 != target.path }
    }

    private static func options(_ allowed: String) -> Response {
        Response(status: 204, headers: [.init("Allow", allowed)])
    }
}
