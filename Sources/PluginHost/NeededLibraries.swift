import Glibc

/// The names of the libraries that an image needs, from its dynamic section; ELF-64, `man 5 elf`.
struct NeededLibraries {
    private(set) var names: [String] = []
    /// The folders that are searched first: `DT_RPATH` and `DT_RUNPATH`.
    private(set) var folders: [String] = []

    /// - Parameter bytes: a file that `ELFImage.check` accepts; anything else that is wrong in it counts as its end.
    init(of bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 64,
            let table = Int(exactly: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self)), table <= bytes.count
        else { return }
        let count = Int(bytes.loadUnaligned(fromByteOffset: 56, as: UInt16.self))
        var loads: [(address: UInt64, offset: UInt64, size: UInt64)] = []
        var dynamic = 0..<0
        for index in 0..<count {
            let start = table + index * 56
            guard start + 56 <= bytes.count else { return }
            func word(_ place: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: start + place, as: UInt64.self) }
            switch bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self) {
            case 1: loads.append((word(16), word(8), word(32)))
            case 2:
                guard let begin = Int(exactly: word(8)), let size = Int(exactly: word(32)), begin <= bytes.count,
                    size <= bytes.count - begin
                else { return }
                dynamic = begin..<begin + size
            default: break
            }
        }
        var texts: (begin: UInt64, names: [UInt64], folders: [UInt64]) = (0, [], [])
        for entry in stride(from: dynamic.lowerBound, to: dynamic.upperBound - 15, by: 16) {
            let value = bytes.loadUnaligned(fromByteOffset: entry + 8, as: UInt64.self)
            switch bytes.loadUnaligned(fromByteOffset: entry, as: Int64.self) {
            case Self.needed: texts.names.append(value)
            case Self.stringTable: texts.begin = value
            case Self.rpath, Self.runpath: texts.folders.append(value)
            default: break
            }
        }
        guard let load = loads.first(where: { $0.address <= texts.begin && texts.begin - $0.address < $0.size }),
            let begin = Int(exactly: texts.begin - load.address &+ load.offset)
        else { return }
        names = texts.names.compactMap { Self.text(in: bytes, at: begin, $0) }
        folders = texts.folders.compactMap { Self.text(in: bytes, at: begin, $0) }
            .flatMap { $0.split(separator: ":").map(String.init) }
    }

    static let needed: Int64 = 1
    static let stringTable: Int64 = 5
    private static let rpath: Int64 = 15
    private static let runpath: Int64 = 29

    private static func text(in bytes: UnsafeRawBufferPointer, at begin: Int, _ offset: UInt64) -> String? {
        guard begin >= 0, let offset = Int(exactly: offset), begin <= bytes.count, offset < bytes.count - begin else {
            return nil
        }
        return String(decoding: bytes[(begin + offset)...].prefix { $0 != 0 }, as: UTF8.self)
    }
}
