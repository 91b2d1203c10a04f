/// Reads a rule of make(1) in the form that compilers write, to find the files that they have read.
enum MakeRule {
    /// - Parameter text: "target: file other\\ file \\", with further lines.
    static func prerequisites(in text: String) -> [String] {
        let bytes = Array(text.utf8)
        var names: [[UInt8]] = []
        var name: [UInt8] = []
        var index = bytes.firstIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? bytes.count
        func end() {
            if !name.isEmpty { names.append(name) }
            name = []
        }
        while index < bytes.count {
            let byte = bytes[index]
            let next = index + 1 < bytes.count ? bytes[index + 1] : nil
            switch (byte, next) {
            case (UInt8(ascii: "\\"), _):
                let run = bytes[index...].prefix { $0 == UInt8(ascii: "\\") }.count
                let behind = index + run < bytes.count ? bytes[index + run] : UInt8(ascii: "\n")
                index += run
                switch behind {
                // Backslashes before a space are doubled; one more makes the space part of the name.
                case UInt8(ascii: " "), UInt8(ascii: "\t"):
                    name += [UInt8](repeating: byte, count: run / 2)
                    if run % 2 == 1 {
                        name.append(behind)
                        index += 1
                    }
                case UInt8(ascii: "#"):
                    name += [UInt8](repeating: byte, count: run - 1) + [behind]
                    index += 1
                case UInt8(ascii: "\n"): name += [UInt8](repeating: byte, count: run - 1)
                default: name += [UInt8](repeating: byte, count: run)
                }
            case (UInt8(ascii: "$"), UInt8(ascii: "$")):
                name.append(byte)
                index += 2
            case (UInt8(ascii: " "), _), (UInt8(ascii: "\t"), _), (UInt8(ascii: "\n"), _):
                end()
                index += 1
            default:
                name.append(byte)
                index += 1
            }
        }
        end()
        return names.map { String(decoding: $0, as: UTF8.self) }
    }
}
