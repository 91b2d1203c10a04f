import Sluice

struct HelloSwift: Producer {
    static let route = "/sse"
    @Parameter(min: 0.001, max: 86_400) var interval = 1.0

    func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
        ticks(every: .seconds(interval)).map { _ in try MessageEvent(json: ["hello": "world"]) }
    }
}

@c(sluice_plugin_entry)
public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
    export(HelloSwift.self, to: host)
}
