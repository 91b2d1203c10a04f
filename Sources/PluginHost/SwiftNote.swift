/// The compiler of an image in Swift: an ELF note (System V ABI, "Note Section") with the owner "Sluice" and type 1,
/// which the library for plugins in Swift adds. If there is none, as in images in C, the compiler does not matter.
struct SwiftNote: Equatable, CustomStringConvertible {
    let major: UInt16
    let minor: UInt16

    var description: String { "\(major).\(minor)" }

    /// The compiler of this host.
    #if compiler(>=6.5)
        #error("this compiler's version has to be added here, and in Sluice")
    #elseif compiler(>=6.4)
        static let host = SwiftNote(major: 6, minor: 4)
    #else
        static let host = SwiftNote(major: 6, minor: 3)
    #endif

    private init(major: UInt16, minor: UInt16) {
        self.major = major
        self.minor = minor
    }

    /// Looks for the note in a segment of notes.
    /// - Returns: `nil` if it is missing or cut off.
    init?(in notes: UnsafeRawBufferPointer) {
        var place = 0
        while notes.count - place >= 12 {
            func word(_ index: Int) -> UInt32 {
                notes.loadUnaligned(fromByteOffset: place + 4 * index, as: UInt32.self)
            }
            let (nameBytes, contentBytes, type) = (Int(word(0)), Int(word(1)), word(2))
            let content = 12 + (nameBytes + 3) & ~3
            let size = content + (contentBytes + 3) & ~3
            guard size <= notes.count - place else { return nil }
            let name = UnsafeRawBufferPointer(rebasing: notes[place + 12..<place + 12 + nameBytes])
            if type == 1, contentBytes == 4, name.elementsEqual("Sluice\0".utf8) {
                let version = word(content / 4)
                self.init(major: UInt16(version >> 16), minor: UInt16(truncatingIfNeeded: version))
                return
            }
            place += size
        }
        return nil
    }

    /// - Throws: if the image was built with another Swift than this host.
    func check() throws(Defect) {
        guard self == Self.host else {
            throw Defect(
                "it is built with Swift \(self), but this host with Swift \(Self.host)",
                remedy: "build it with the host's compiler (sluice build)")
        }
    }
}
