extension SluiceServer {
    /// The arguments for an admin listener on a port that the system chooses.
    package static let withAdmin = ["--admin", "127.0.0.1:0"]

    /// The admin listener's port, from what the server prints.
    package var adminPort: Int {
        get throws {
            guard
                let line = program.output.wait(.seconds(10), until: { $0.hasPrefix("admin on http://") }),
                let port = line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+):/).flatMap({ Int($0.output.1) })
            else { throw TestFailure("no admin listener: \(program.output.lines)") }
            return port
        }
    }

    /// Asks the admin listener as Kubernetes does: on a connection of its own, which must end with the answer.
    package func askAdmin(_ path: String, port: Int? = nil) throws -> RawResponse {
        let client = try RawClient(port: port ?? adminPort)
        try client.send(
            """
            GET \(path) HTTP/1.1\r\nHost: localhost:9180\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\n\
            Connection: close\r\n\r\n
            """)
        let response = try client.readResponse()
        guard try client.readToEnd(within: .seconds(1)).isEmpty else { throw TestFailure("more than one answer") }
        return response
    }

    /// Waits until the admin listener answers like this.
    package func waitForAdmin(
        _ path: String, within limit: Duration = .seconds(10), where isWanted: (RawResponse) -> Bool
    ) throws -> RawResponse {
        var last: RawResponse?
        let isThere = try blockingEventually(within: limit) {
            let response = try askAdmin(path)
            last = response
            return isWanted(response)
        }
        guard isThere, let last else { throw TestFailure("\(path): \(last?.head ?? "") \(last?.body ?? "")") }
        return last
    }
}
