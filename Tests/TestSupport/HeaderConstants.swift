import Glibc

/// Reads constants from `sluice.h`, so that tests notice new ones.
/// - Parameters:
///   - prefix: "SLUICE_CLOSE_".
///   - headers: the header's folder.
/// - Returns: the enumeration constants in the header with this prefix; the names are without it and in lower case.
package func headerConstants(_ prefix: String, in headers: String = currentHeaders) throws -> [String: Int] {
    let path = headers + "/sluice.h"
    guard let file = fopen(path, "r") else { throw TestFailure("\(path) can't be read") }
    defer { fclose(file) }
    var text: [UInt8] = []
    while case let byte = getc(file), byte != EOF { text.append(UInt8(byte)) }
    var constants: [String: Int] = [:]
    for match in String(decoding: text, as: UTF8.self).matches(of: /\b(SLUICE_[A-Z_]+) = (\d+)( << (\d+))?/) {
        guard match.output.1.hasPrefix(prefix) else { continue }
        let name = match.output.1.dropFirst(prefix.count).lowercased()
        constants[name] = Int(match.output.2)! << (match.output.4.map { Int($0)! } ?? 0)
    }
    return constants
}
