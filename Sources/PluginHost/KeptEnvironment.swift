import CLinux
import Glibc
import Synchronization

/// Variables that were there at the start keep their values. Later ones are left alone: a library may need them, and
/// the host does not use them.
struct KeptEnvironment: KeptPart, @unchecked Sendable {
    // Unchecked: the texts are never changed, and never freed, because code that has read a variable may keep it.
    private let entries: [UnsafeMutablePointer<CChar>]
    /// The array for `environ`. Never freed: other threads may be reading it.
    private var block: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

    private static let spareEntries = 64
    /// The addresses of everything that was given to the C library, so that leak checkers find it.
    private static let given = Mutex<[UInt]>([])

    init() {
        entries = Self.present().compactMap { strdup($0) }
        block = Self.block(of: entries.count + Self.spareEntries)
        Self.given.withLock { given in given += entries.map { UInt(bitPattern: $0) } }
    }

    mutating func putBack(isLoading: Bool) -> [String] {
        let present = Self.present()
        let changed = entries.filter { entry in !present.contains { strcmp($0, entry) == 0 } }
        guard !changed.isEmpty else { return [] }
        let names = Set(entries.map(Self.name))
        write(entries + present.filter { !names.contains(Self.name(of: $0)) })
        // Names only: a value may be a secret.
        let text = changed.count > 3 ? "\(changed.count) variables" : changed.map(Self.name).joined(separator: " ")
        return ["the environment (\(text))"]
    }

    /// setenv(3) would move what other threads may be reading, and free some of it. Here each entry stays valid, and
    /// the list is replaced with one store.
    private mutating func write(_ list: [UnsafeMutablePointer<CChar>]) {
        if list.count >= block.count { block = Self.block(of: list.count + Self.spareEntries) }
        for (index, entry) in list.enumerated() { block[index] = entry }
        block[list.count] = nil
        guard let start = block.baseAddress else { return }
        sluice_set_environment(start)
    }

    private static func block(of count: Int) -> UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?> {
        let block = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
        block.initialize(repeating: nil)
        given.withLock { $0.append(UInt(bitPattern: block.baseAddress)) }
        return block
    }

    private static func present() -> [UnsafeMutablePointer<CChar>] {
        var entries: [UnsafeMutablePointer<CChar>] = []
        guard var place = sluice_environment() else { return [] }
        while let entry = place.pointee {
            entries.append(entry)
            place += 1
        }
        return entries
    }

    private static func name(of entry: UnsafeMutablePointer<CChar>) -> String {
        String(String(cString: entry).prefix { $0 != "=" })
    }
}
