"""Pictures in and out: safe reading, resumable loading, atomic writing."""
