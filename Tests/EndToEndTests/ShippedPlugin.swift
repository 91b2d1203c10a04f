import TestSupport
import Testing

/// Runs a server with one of the plugins that ship, and the configuration of its producer with the same name.
func withShippedPlugin(
    _ name: String, configuration: [String: String] = [:], flags: [String] = [], prefix: [String] = [],
    _ body: (SluiceServer) throws -> Void
) throws {
    let directory = TemporaryDirectory()
    let section = configuration.map { "    \($0.key): \"\($0.value)\"\n" }.sorted().joined()
    let file = directory.write((section.isEmpty ? "" : "producers:\n  \(name):\n" + section).utf8, to: "sluice.yaml")
    try withServer([BuiltProducts.plugin(name)], flags: ["--config", file] + flags, prefix: prefix, body)
}

extension SluiceServer {
    /// The complete response to a request that gets no stream.
    func refusal(of target: String, lastEventID: String? = nil) throws -> RawResponse {
        let client = try connect()
        let returning = lastEventID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(returning)\r\n")
        return try client.readResponse()
    }

    /// Expects a status other than 200, and returns the response for further checks.
    @discardableResult
    func expectRefusal(
        _ status: Int, of target: String, lastEventID: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> RawResponse {
        let response = try refusal(of: target, lastEventID: lastEventID)
        let request = "\(target) \(lastEventID ?? "")"
        #expect(response.status == status, "\(request): \(response.body)", sourceLocation: sourceLocation)
        return response
    }

    func subscribe(_ target: String, returningWith id: String) throws -> TestSubscriber {
        try subscribe(target, headers: [("Last-Event-ID", id)])
    }
}

extension TestSubscriber {
    /// The data of the next events.
    func nextData(_ count: Int) throws -> [String] {
        try (0..<count).map { _ in try nextEvent().data ?? "" }
    }
}
