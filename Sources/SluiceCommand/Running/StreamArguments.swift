import EventStream
import ForeignFunction
import PluginHost
import ProducerInterface
import Settings
import StreamRuntime

/// The request of `sluice run`, from the words on its command line.
struct StreamArguments {
    /// Values by name, in the order given.
    let values: [StreamRequest.Field]
    let headers: [StreamRequest.Field]
    /// What the client's token says; empty: it has none.
    let claims: [StreamRequest.Field]

    /// The words are `name=value` each.
    /// - Throws: if a word does not have this form.
    init(_ words: [String], headers: [String], claims: [String] = []) throws(SettingError) {
        values = try Self.fields(words, called: "a parameter is written name=value, such as interval=0.5")
        self.headers = try Self.fields(headers, called: "a header is written name=value, such as accept-language=de")
        self.claims = try Self.fields(claims, called: "a claim is written name=value, such as sub=ann")
    }

    private static func fields(_ words: [String], called rule: String) throws(SettingError) -> [StreamRequest.Field] {
        try words.map { word throws(SettingError) in
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw SettingError("'\(word)': \(rule)")
            }
            return StreamRequest.Field(String(word[..<equals]), String(word[word.index(after: equals)...]))
        }
    }

    /// The producer of that name, or the only one.
    static func producer(_ name: String?, of plugin: LoadedPlugin) throws(SettingError) -> PluginProducer {
        let names = plugin.producers.map(\.description.name).joined(separator: ", ")
        guard let name else {
            guard plugin.producers.count == 1, let only = plugin.producers.first else {
                throw SettingError("\(plugin.file) has several producers; name one of them: \(names)")
            }
            return only
        }
        guard let found = plugin.producers.first(where: { $0.description.name == name }) else {
            throw SettingError("\(plugin.file) has no producer '\(name)'; it has: \(names)")
        }
        return found
    }

    /// The request that a server would create from the same values.
    /// - Throws: `ParameterFault` for values that a server would reject; `SettingError` for a placeholder without a
    ///   value, and for a name that is no parameter: a server would ignore it, but here it is a typing error.
    func request(to producer: PluginProducer, lastEventID: String?, body: [UInt8]?) throws -> StreamRequest {
        let description = producer.description
        if body != nil, !description.acceptsBody {
            throw SettingError("--body: the producer \(description.name) accepts no body (it has no SLUICE_BODY)")
        }
        try check(against: producer)
        var (path, placed, query) = ("", [StreamRequest.Field](), values)
        for segment in description.route.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard segment.hasPrefix("{"), segment.hasSuffix("}") else {
                path += "/\(segment)"
                continue
            }
            let name = String(segment.dropFirst().dropLast())
            guard let index = query.firstIndex(where: { $0.name == name }) else {
                throw SettingError("the route is \(description.route): add \(name)=…")
            }
            placed.append(query.remove(at: index))
            path += "/" + Self.percentEncoded(placed[placed.count - 1].value)
        }
        var request = StreamRequest(
            method: body == nil ? "GET" : "POST", path: path, query: query, headers: headers,
            remoteAddress: "127.0.0.1",
            lastEventID: lastEventID, body: body ?? [], parameters: try producer.resolve(path: placed, query: query))
        request.identity = identity
        return request
    }

    private var identity: ClientIdentity? {
        if claims.isEmpty { return nil }
        let claims = Dictionary(claims.map { ($0.name, $0.value) }) { $1 }
        return ClientIdentity(subject: claims["sub"] ?? "", claims: claims)
    }

    /// - Throws: for a value without a parameter. A producer that declares no parameters may read the query itself, and
    ///   gets all values.
    private func check(against producer: PluginProducer) throws(SettingError) {
        let parameters = producer.signature.parameters.map(\.name)
        guard !parameters.isEmpty, let stranger = values.first(where: { !parameters.contains($0.name) }) else { return }
        throw SettingError(
            "\(stranger.name)=\(stranger.value): the producer \(producer.description.name) has no such parameter (it has: "
                + parameters.joined(separator: ", ") + ")" + Suggestion.text(for: stranger.name, among: parameters))
    }

    /// RFC 3986, section 2.3.
    static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                String(Unicode.Scalar(byte))
            default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
