/// A subscriber's request, as far as a producer can see it.
package struct StreamRequest: Sendable {
    package struct Field: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// "GET" or "POST".
    package var method: String
    /// The path as sent, without query.
    package var path: String
    /// Percent-decoded names and values, in the order sent.
    package var query: [Field]
    package var headers: [Field]
    /// Without port.
    package var remoteAddress: String
    /// From the header, else from `last_event_id` or `lastEventId` in the query.
    package var lastEventID: String?
    package var body: [UInt8]
    /// `nil` if the route does not ask for one.
    package var identity: ClientIdentity?
    /// How long the stream may last from now, in nanoseconds, because the client's token expires; `nil`: without limit.
    package var lifetime: Int64?
    /// What the producer's `resolve` returned for route and query.
    package var parameters: any ResolvedParameters
    /// What the stream of the previous generation, which this one continues, has saved.
    package var saved: [UInt8]?

    package init(
        method: String, path: String, query: [Field], headers: [Field], remoteAddress: String, lastEventID: String?,
        body: [UInt8], parameters: any ResolvedParameters
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.lastEventID = lastEventID
        self.body = body
        self.parameters = parameters
    }
}
