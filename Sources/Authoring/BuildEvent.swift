import EventStream

/// What became of a plugin's source, as an event for the pages that listen to it while it is written.
struct BuildEvent: Sendable, Equatable {
    /// Whose source it is: "hello.c".
    let file: String
    let isBuilt: Bool
    /// What the compiler said, in its own words and lines.
    let text: String

    /// As it goes over the wire. A script that listens to messages does not get it: it has a type of its own.
    var frame: [UInt8] {
        var frame = Array("event: sluice-build\ndata: {\"file\":".utf8)
        frame.appendJSON(file)
        frame += ",\"ok\":\(isBuilt),\"text\":".utf8
        frame.appendJSON(text)
        return frame + "}\n\n".utf8
    }
}
