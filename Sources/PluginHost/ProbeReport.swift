import ProducerInterface

/// What a probe reports to the server, through a pipe, while it tries a plugin.
///
/// The bytes are the version mark `SLP1`, then records: a kind (one byte), a length (four bytes, little-endian), and
/// that many bytes of UTF-8. The plugin's own code runs in the process that writes them, so the reader trusts none of
/// them.
struct ProbeReport: Equatable {
    /// How far a probe has come: whose code runs, if any.
    enum Stage: UInt8 {
        case starting = 0x73  // s
        case constructors = 0x63  // c
        case entry = 0x65  // e
        case manifest = 0x6d  // m
    }

    enum Verdict: Equatable {
        /// - Parameters:
        ///   - content: the ID of the file that was loaded.
        ///   - declaration: what the plugin declares, as `Manifest.declaration` writes it.
        case accepted(content: String, declaration: String)
        case refused(Defect)
    }

    private(set) var stage = Stage.starting
    private(set) var verdict: Verdict?
    /// The process is ending, and uses nearly all the memory that it may use.
    private(set) var isOutOfMemory = false
    /// There is something in the pipe that no probe writes.
    private(set) var isGarbage = false
    private var pending: [UInt8] = []
    private var hasMark = false
    private var bytesTaken = 0

    /// More than any declaration needs: 256 producers with a signature of 4 KiB each, and as much again.
    static let bytesMax = 4 << 20
    static let mark = Array("SLP1".utf8)
    private static let acceptedKind = UInt8(ascii: "a")
    private static let refusedKind = UInt8(ascii: "r")
    private static let refusedForNowKind = UInt8(ascii: "n")
    private static let outOfMemoryKind = UInt8(ascii: "o")
    private static let headBytes = 5
    /// Between the texts of one record.
    private static let separator = "\0"

    /// Takes the next bytes, split anywhere. Bytes after a verdict, or after garbage, are ignored.
    mutating func take(_ bytes: some Collection<UInt8>) {
        guard verdict == nil, !isGarbage else { return }
        bytesTaken += bytes.count
        guard bytesTaken <= Self.bytesMax else { return isGarbage = true }
        pending += bytes
        if !hasMark {
            guard pending.count >= Self.mark.count else { return isGarbage = !Self.mark.starts(with: pending) }
            guard pending.starts(with: Self.mark) else { return isGarbage = true }
            hasMark = true
            pending.removeFirst(Self.mark.count)
        }
        while verdict == nil, !isGarbage, pending.count >= Self.headBytes {
            let length = pending[1...4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.bytesMax else { return isGarbage = true }
            guard pending.count >= Self.headBytes + length else { return }
            let kind = pending[0]
            let text = String(validating: pending[Self.headBytes...].prefix(length), as: UTF8.self)
            pending.removeFirst(Self.headBytes + length)
            takeRecord(kind, text)
        }
    }

    private mutating func takeRecord(_ kind: UInt8, _ text: String?) {
        guard let text else { return isGarbage = true }
        if let stage = Stage(rawValue: kind), text.isEmpty { return self.stage = stage }
        if kind == Self.outOfMemoryKind, text.isEmpty { return isOutOfMemory = true }
        let texts = text.split(separator: Self.separator, maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        guard texts.count == 2 else { return isGarbage = true }
        switch kind {
        case Self.acceptedKind: verdict = .accepted(content: texts[0], declaration: texts[1])
        case Self.refusedKind, Self.refusedForNowKind:
            verdict = .refused(
                Defect(
                    onOneLine(texts[0]), remedy: onOneLine(texts[1]),
                    cause: kind == Self.refusedKind ? .content : .surroundings))
        default: isGarbage = true
        }
    }

    // MARK: Writing

    static func record(_ stage: Stage) -> [UInt8] { record(stage.rawValue, "") }

    static let outOfMemory = record(outOfMemoryKind, "")

    static func record(_ verdict: Verdict) -> [UInt8] {
        switch verdict {
        case .accepted(let content, let declaration): record(acceptedKind, content + separator + declaration)
        case .refused(let defect):
            record(
                defect.cause == .content ? refusedKind : refusedForNowKind, defect.rule + separator + defect.remedy)
        }
    }

    private static func record(_ kind: UInt8, _ text: String) -> [UInt8] {
        let length = UInt32(text.utf8.count)
        return [kind] + (0..<4).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + text.utf8
    }
}
