// tokens: streams tokens for a text, one event each, as the servers of language models do. The model is small: it only
// knows the prompt, and continues with words that followed one another there.
import Sluice

struct Tokens: Producer {
    static let route = "/v1/completions"
    static let summary = "Continues a prompt, token by token"
    static let options: ProducerOptions = [.body]

    @Parameter("max_tokens", min: 1, max: 100_000) var limit = 64
    @Parameter(min: 0, max: 60) var pause = 0.02

    struct Choice: Encodable { let index: Int, text: String }

    func events(for request: Request) throws -> some AsyncSequence<MessageEvent, any Error> {
        unfold((model: try Model(prompt: request.body), index: 0)) { state in
            // If the subscriber disconnects, this sleep is cancelled, and with it all the work.
            try await StreamClock().sleep(for: .seconds(pause))
            defer { state.index += 1 }
            if state.index > limit { return nil }
            if state.index == limit { return "[DONE]" }
            return try MessageEvent(json: Choice(index: state.index, text: state.model.next()))
        }
    }
}

/// What followed each word of the prompt.
struct Model {
    private let words: [Substring]
    private var following: [Substring: [Substring]] = [:]
    private var last: Substring

    init(prompt: [UInt8]) throws {
        words = String(decoding: prompt, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard let end = words.last else {
            throw Reject(status: 400, message: "expected a prompt: a POST whose body is text")
        }
        last = end
        for (word, next) in zip(words, words.dropFirst()) { following[word, default: []].append(next) }
    }

    mutating func next() -> String {
        last = (following[last] ?? words).randomElement() ?? last
        return " " + last
    }
}

@c(sluice_plugin_entry)
public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
    export(Tokens.self, to: host)
}
