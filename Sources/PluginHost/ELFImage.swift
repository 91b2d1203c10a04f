/// Checks from its bytes whether a file can be loaded at all.
///
/// The dynamic loader trusts what it maps: a file that ends before its segments do raises SIGBUS inside `dlopen`, and
/// ends the server. So everything that the headers promise is checked first. Format: System V ABI, ELF-64; `man 5 elf`.
enum ELFImage {
    /// - Throws: the first thing that is wrong.
    static func check(_ bytes: UnsafeRawBufferPointer) throws(Defect) {
        guard bytes.starts(with: magic) else {
            throw magic.starts(with: bytes)
                ? truncated(bytes.count, "the header") : Defect("it is not a shared object", remedy: rebuild)
        }
        guard bytes.count >= Header.size else { throw truncated(bytes.count, "the header") }
        let header = Header(bytes)
        try checkIdentity(of: header)
        try checkSegments(of: header, in: bytes)
        if header.sectionTable > 0 {
            try checkEnd(
                ofTable: header.sectionTable, count: header.sectionCount, entrySize: header.sectionEntrySize, in: bytes,
                "the section table")
        }
    }

    private static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
    private static let rebuild = "build one from its source, for example: sluice build hello.c"

    private static func checkIdentity(of header: Header) throws(Defect) {
        guard header.fileClass == 2 else {
            throw Defect("it is a 32-bit image, but this host is 64-bit", remedy: "build it for \(Machine.own)")
        }
        guard header.byteOrder == 1 else {
            throw Defect("it is a big-endian image", remedy: "build it for \(Machine.own)")
        }
        guard header.machine == Machine.own else {
            throw Defect(
                "it is built for \(header.machine), but this host is \(Machine.own)",
                remedy: "build it for \(Machine.own)")
        }
        guard header.identVersion == 1, header.version == 1, header.headerSize == Header.size else {
            throw Defect("its ELF header is of an unknown version", remedy: rebuild)
        }
        switch header.type {
        case 3: break
        case 1: throw Defect("it is an object file (.o) that has not been linked", remedy: rebuild)
        case 2: throw Defect("it is an executable, not a shared object", remedy: rebuild)
        default: throw Defect("it is an ELF file of type \(header.type), not a shared object", remedy: rebuild)
        }
    }

    private static func checkSegments(of header: Header, in bytes: UnsafeRawBufferPointer) throws(Defect) {
        guard header.segmentCount > 0, header.segmentEntrySize == Segment.size else {
            throw Defect("it has no segments", remedy: rebuild)
        }
        try checkEnd(
            ofTable: header.segmentTable, count: header.segmentCount, entrySize: header.segmentEntrySize, in: bytes,
            "the segment table")

        var kinds: Set<UInt32> = []
        for index in 0..<Int(header.segmentCount) {
            let segment = Segment(bytes, at: Int(header.segmentTable) + index * Segment.size)
            try check(segment, in: bytes)
            kinds.insert(segment.kind)
            if segment.kind == Segment.notes {
                let (start, count) = (Int(segment.offset), Int(segment.fileSize))
                try SwiftNote(in: UnsafeRawBufferPointer(rebasing: bytes[start..<start + count]))?.check()
            }
        }
        guard kinds.contains(Segment.load), kinds.contains(Segment.dynamic) else {
            throw Defect("it has no dynamic section", remedy: rebuild)
        }
        if kinds.contains(Segment.interpreter) && header.entry != 0 {
            throw Defect("it is an executable (PIE), not a shared object", remedy: rebuild)
        }
    }

    private static func check(_ segment: Segment, in bytes: UnsafeRawBufferPointer) throws(Defect) {
        let (end, overflow) = segment.offset.addingReportingOverflow(segment.fileSize)
        guard !overflow, end <= UInt64(bytes.count) else {
            throw truncated(bytes.count, "a segment", end: overflow ? nil : end)
        }
        guard segment.kind == Segment.load else { return }
        let (_, wraps) = segment.address.addingReportingOverflow(segment.memorySize)
        guard segment.fileSize <= segment.memorySize, !wraps, segment.memorySize < 1 << 40 else {
            throw Defect("one of its segments has an impossible size", remedy: rebuild)
        }
        let alignment = max(segment.alignment, 1)
        guard alignment & (alignment - 1) == 0, segment.address % alignment == segment.offset % alignment else {
            throw Defect("one of its segments is not aligned", remedy: rebuild)
        }
    }

    private static func checkEnd(
        ofTable offset: UInt64, count: UInt16, entrySize: UInt16, in bytes: UnsafeRawBufferPointer, _ what: String
    ) throws(Defect) {
        // Both factors have 16 bits, so only the sum can overflow.
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count) * UInt64(entrySize))
        guard !overflow, end <= UInt64(bytes.count) else {
            throw truncated(bytes.count, what, end: overflow ? nil : end)
        }
    }

    private static func truncated(_ size: Int, _ what: String, end: UInt64? = nil) -> Defect {
        let should = end.map { "at byte \($0)" } ?? "far beyond that"
        return Defect(
            "it is truncated: the file ends at byte \(size), but \(what) ends \(should)",
            remedy: "copy it again under a temporary name, then rename it")
    }
}

/// `Elf64_Ehdr`.
private struct Header {
    static let size = 64

    let fileClass: UInt8
    let byteOrder: UInt8
    let identVersion: UInt8
    let type: UInt16
    let machine: Machine
    let version: UInt32
    let entry: UInt64
    let segmentTable: UInt64
    let sectionTable: UInt64
    let headerSize: UInt16
    let segmentEntrySize: UInt16
    let segmentCount: UInt16
    let sectionEntrySize: UInt16
    let sectionCount: UInt16

    init(_ bytes: UnsafeRawBufferPointer) {
        fileClass = bytes[4]
        byteOrder = bytes[5]
        identVersion = bytes[6]
        type = bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self)
        machine = Machine(code: bytes.loadUnaligned(fromByteOffset: 18, as: UInt16.self))
        version = bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self)
        entry = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
        segmentTable = bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self)
        sectionTable = bytes.loadUnaligned(fromByteOffset: 40, as: UInt64.self)
        headerSize = bytes.loadUnaligned(fromByteOffset: 52, as: UInt16.self)
        segmentEntrySize = bytes.loadUnaligned(fromByteOffset: 54, as: UInt16.self)
        segmentCount = bytes.loadUnaligned(fromByteOffset: 56, as: UInt16.self)
        sectionEntrySize = bytes.loadUnaligned(fromByteOffset: 58, as: UInt16.self)
        sectionCount = bytes.loadUnaligned(fromByteOffset: 60, as: UInt16.self)
    }
}

/// `Elf64_Phdr`.
private struct Segment {
    static let size = 56
    static let load: UInt32 = 1
    static let dynamic: UInt32 = 2
    static let interpreter: UInt32 = 3
    static let notes: UInt32 = 4

    let kind: UInt32
    let offset: UInt64
    let address: UInt64
    let fileSize: UInt64
    let memorySize: UInt64
    let alignment: UInt64

    init(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        kind = bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
        offset = bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
        address = bytes.loadUnaligned(fromByteOffset: start + 16, as: UInt64.self)
        fileSize = bytes.loadUnaligned(fromByteOffset: start + 32, as: UInt64.self)
        memorySize = bytes.loadUnaligned(fromByteOffset: start + 40, as: UInt64.self)
        alignment = bytes.loadUnaligned(fromByteOffset: start + 48, as: UInt64.self)
    }
}

/// A processor, by its number in ELF files.
private struct Machine: Equatable, CustomStringConvertible {
    let code: UInt16

    #if arch(x86_64)
        static let own = Machine(code: 62)
    #elseif arch(arm64)
        static let own = Machine(code: 183)
    #else
        #error("this processor's number in ELF files has to be added here")
    #endif

    var description: String {
        switch code {
        case 3: "i386"
        case 40: "arm"
        case 62: "x86-64"
        case 183: "aarch64"
        case 243: "riscv"
        default: "machine \(code)"
        }
    }
}
