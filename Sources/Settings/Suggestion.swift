/// The name that was probably meant when an unknown name was written.
package enum Suggestion {
    /// With more wrong letters, another name was meant.
    private static let distanceMax = 3

    /// `; did you mean 'max-streams'?`, or `otherwise` if no name is close.
    package static func text(
        for name: String, among names: some Sequence<String>, otherwise: String = "", quoted: Bool = true
    ) -> String {
        guard let nearest = nearest(to: name, among: names) else { return otherwise }
        return "; did you mean " + (quoted ? "'\(nearest)'?" : "\(nearest)?")
    }

    /// The name that needs the fewest changes; the first of several. `nil` if none is close.
    package static func nearest(to name: String, among names: some Sequence<String>) -> String? {
        // With three wrong letters of four, every name would match.
        let most = min(distanceMax, max(1, name.count / 2))
        let nearest = names.map { (name: $0, distance: distance(name, $0)) }.min { $0.distance < $1.distance }
        guard let nearest, nearest.distance <= most else { return nil }
        return nearest.name
    }

    /// How many letters must be inserted, removed or replaced to turn one word into the other.
    private static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second)
        guard !second.isEmpty else { return first.count }
        var row = Array(0...second.count)
        for (index, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in 1...second.count {
                let replaced = diagonal + (letter == second[column - 1] ? 0 : 1)
                diagonal = row[column]
                row[column] = min(replaced, row[column] + 1, row[column - 1] + 1)
            }
        }
        return row[second.count]
    }
}
