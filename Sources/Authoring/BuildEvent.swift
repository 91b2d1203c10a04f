import EventStream

/// The result of building a plugin's source, as an event for the pages that are subscribed to the plugin.
struct BuildEvent: Sendable, Equatable {
    /// The name of the source: "hello.c".
    let file: String
    let isBuilt: Bool
    /// The compiler's output, unchanged.
    let text: String

    /// The event as sent. It has its own type, so that `onmessage` handlers do not receive it.
    var frame: [UInt8] {
        var frame = Array("event: sluice-build\ndata: {\"file\":".utf8)
        frame.appendJSON(file)
        frame += ",\"ok\":\(isBuilt),\"text\":".utf8
        frame.appendJSON(text)
        return frame + "}\n\n".utf8
    }
}
