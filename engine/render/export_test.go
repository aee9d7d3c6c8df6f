package render

// RaceDetector says whether tests run under it.
const RaceDetector = raceDetector
